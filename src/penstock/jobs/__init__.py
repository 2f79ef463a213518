"""Jobs: taking them on, working on them, telling of them, and finding what was dropped."""
