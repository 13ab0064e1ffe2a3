"""What several pages draw or say."""
