"""The report: tables, pictures, and one HTML file on one system or several on one trial list."""
