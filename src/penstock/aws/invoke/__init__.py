"""Functions run on this machine: Lambda's Runtime API around a process, without a container."""
