"""Verification, enrolment and identification over HTTP, and the page that uses them."""
