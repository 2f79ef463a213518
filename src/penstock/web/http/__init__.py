"""HTTP's own rules for an answer (RFC 9110): codings, conditions, ranges, validators."""
