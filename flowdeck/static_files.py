"""Hashed names of static files inside of JavaScript modules.

A module that is asked for by its plain name is cached by browsers under a name that says nothing of
its content. With :class:`HashedImports` a release changes all names of what it changed::

    class Storage(HashedImports, ManifestStaticFilesStorage): ...

It takes the place of Django's ``support_js_module_import_aggregation``, which takes the word
``import`` in a comment for an import too, finds no such file and stops ``collectstatic``.
"""

from __future__ import annotations

from typing import Any

# An import or export declaration stands at the top level of its module, so it begins a line; names
# in braces may go over several. In a comment or a text something else stands before it.
_BARE = r"""(?m)^(?P<matched>import\s*["'](?P<url>\.{1,2}/[^"'\n]+)["'])"""
_FROM = (
    r"""(?m)^(?P<matched>(?P<names>(?:import|export)\b[\w$\s{},*]*?)\bfrom\s*"""
    r"""["'](?P<url>\.{1,2}/[^"'\n]+)["'])"""
)


class HashedImports:
    """Mixin of a storage that hashes names: relative imports of modules name the hashed files.

    ``collectstatic`` fails if a module imports a file that does not exist.
    """

    support_js_module_import_aggregation = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        imports = ((_BARE, 'import "%(url)s"'), (_FROM, '%(names)sfrom "%(url)s"'))
        self.patterns: Any = (*self.patterns, ("*.js", imports))
        super().__init__(*args, **kwargs)
