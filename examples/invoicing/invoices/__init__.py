"""Invoices for labels that others bought."""
