"""A stand-in for `pulumi-resource-kubernetes`: the wire behaviour of 4.34, spoken to the API server with httpx."""
