"""The entries of a targets document, wherever it is read from."""

from collections.abc import Mapping
from dataclasses import replace

from connect_canary.config.references import ReferenceResolver
from connect_canary.config.targets_document import TargetEntry, is_path_reference, read_document, read_parameters
from connect_canary.config.values import Author, Value

# Settings that identify an account of the authorizer: masked where they come from a secret.
AUTHORIZER_FIELDS = ("authorizer_name", "authorizer_username", "authorizer_token_key_name")


def read_entries(document: Value, resolver: ReferenceResolver, problems: list[str]) -> list[TargetEntry]:
    """Return the entries of `document`, one without a name if it is not set; problems are appended."""
    if not document.is_set:
        return [TargetEntry(location="", values={})]
    try:
        if is_path_reference(document.text):
            entries = read_parameters(resolver.get_by_path(document.text), document.text)
            return [_written_by(Author.REFERENCED_DOCUMENT, entry) for entry in entries]
        text = resolver.fetch(document.text).reveal() if document.is_reference else document.reveal()
        entries, mistakes = read_document(text, document.origin)
    except ValueError as error:
        where = f"{document.origin} refers to {document.text}: " if document.is_reference else ""
        problems.append(f"{where}{error}")
        return []
    problems += mistakes
    author = Author.REFERENCED_DOCUMENT if document.is_reference else Author.DOCUMENT
    entries = [_written_by(author, entry) for entry in entries]
    from_secret = document.is_reference and resolver.holds_secret(document.text)
    return [_mask_authorizer_fields(entry) for entry in entries] if from_secret else entries


def _written_by(author: Author, entry: TargetEntry) -> TargetEntry:
    return replace(entry, values={key: replace(value, author=author) for key, value in entry.values.items()})


def _mask_authorizer_fields(entry: TargetEntry) -> TargetEntry:
    masked = {key: replace(entry.values[key], referenced=True) for key in AUTHORIZER_FIELDS if key in entry.values}
    return replace(entry, values={**entry.values, **masked})


def masked_fields(values: Mapping[str, Value]) -> set[str]:
    """Return the authorizer's fields that are read from elsewhere, and so are not displayed."""
    return {key for key in AUTHORIZER_FIELDS if values[key].referenced or values[key].is_reference}
