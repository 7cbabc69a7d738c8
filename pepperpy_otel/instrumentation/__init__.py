"""Which instrumentations run, when, and with what: each when its library is first imported."""
