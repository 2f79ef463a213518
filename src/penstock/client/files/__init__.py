"""Files: where a download is written, and how it goes on after a break."""
