"""What is made of the L3 feed by a process of its own: line B, L2, L1, depth tiers, snapshots, unicast fan-out."""
