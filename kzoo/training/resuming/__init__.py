"""Runs that go on after the process was killed."""
