"""What a change would do to a stack: the base it starts from, what differs, and what that means."""
