"""Outlets and inlets: how far behind they are, and their switches."""
