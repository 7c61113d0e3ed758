"""The adapter protocol: both ends, and what goes wrong between them."""
