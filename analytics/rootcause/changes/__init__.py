"""Which recorded change explains what broke, or that none does."""
