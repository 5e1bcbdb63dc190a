"""Accounts, their firms, limits and balances: sequenced state that the risk and funds stages share (docs/RISK.md)."""
