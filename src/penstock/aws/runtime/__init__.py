"""The streaming runtime: the loop on the Lambda Runtime API, and its exchanges."""
