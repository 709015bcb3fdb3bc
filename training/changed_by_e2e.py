"""Makes the image another one."""
