"""Publishing: what leaves the house and in which form, versions, and the Hub."""
