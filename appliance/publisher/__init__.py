"""Events to market data."""
