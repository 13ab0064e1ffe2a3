"""How static files are stored for production."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

from flowdeck.static_files import HashedImports


class HashedStaticFilesStorage(HashedImports, CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names, also in what JavaScript modules import, and compressed copies."""
