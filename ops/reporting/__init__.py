"""What a stack will need, take and cost, for people: a page with pictures, and the comment of a pull request."""
