"""The caretaker: what the host is (`host`), what is wrong with it (`doctor`), how it is prepared (`tune`)."""
