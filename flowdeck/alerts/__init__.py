"""Alerts: rules that people set, looked at by the sweep, told in the shell, by mail and webhook."""
