"""The ground floor: files, locks, tables and figures."""
