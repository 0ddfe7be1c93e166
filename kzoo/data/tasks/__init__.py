"""Several tasks on one backbone: their data as one."""
