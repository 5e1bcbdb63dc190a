"""The wallet: what open orders hold of their accounts, and what fills, fees and settlement move (docs/RISK.md)."""
