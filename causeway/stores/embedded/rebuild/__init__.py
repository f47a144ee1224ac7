"""Rollups of an embedded store made anew from its records, or compared with what that would make."""
