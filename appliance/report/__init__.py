"""Events to execution reports."""
