"""Stand-ins for Pulumi's provider plugins, for the embedded default only."""
