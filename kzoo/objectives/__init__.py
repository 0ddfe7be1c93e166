"""Objectives: what a backbone is pretrained for, one a file, each with its paper."""
