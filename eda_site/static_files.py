"""How static files are stored for production."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names, also inside the ``import`` lines of JavaScript modules."""

    support_js_module_import_aggregation = True
