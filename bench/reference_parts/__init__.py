"""The parts of reference.py."""
