"""Trial lists: who is compared with whom, under which protocol, and with which scores."""
