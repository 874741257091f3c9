"""The ModelRelease resource: what Git holds, what the controller says of it, and the CRD that is derived from both."""
