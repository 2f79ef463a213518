"""Commands that ask a service: from their options to their exit codes."""
