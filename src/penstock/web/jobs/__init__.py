"""The API of jobs: `/v1/…`, the sockets that tell of jobs, and what describes them."""
