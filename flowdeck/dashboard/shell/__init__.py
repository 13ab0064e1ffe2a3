"""What is around every page: navigation, search, account, notices."""
