"""What of contravox works on this machine, and what keeps the rest from working."""
