"""What a compiled pipeline is, whatever is written at its head: its content, that content's digest, and its name.

A laptop records the digest with a run, a cluster keeps a version under the name: the same content is the same version
wherever it was compiled, and however it comes to the cluster.
"""

from __future__ import annotations

import re

from penstock.artifacts.digest import digest_bytes

_DIGITS = 12


def split_head(compiled: bytes) -> tuple[list[str], bytes]:
    r"""Part a compiled pipeline's file into the comments at its head, by line, and its content.

    Example:
        >>> split_head(b"# Made by hand.\npipelineInfo: {name: a}\n")
        (['# Made by hand.'], b'pipelineInfo: {name: a}\n')
    """
    content, head = compiled, []
    while content.startswith(b"#"):
        line, _, content = content.partition(b"\n")
        head.append(line.decode(errors="replace"))
    return head, content


def content_digest(compiled: bytes) -> str:
    """Digest a compiled pipeline's content: what runs, and not the comments at its head."""
    return digest_bytes(split_head(compiled)[1])


def version_name(pipeline: str, digest: str) -> str:
    """Name the version of a pipeline that has this content digest, as a DNS name.

    Example:
        >>> version_name("flights", "sha256:0556f68d786d77795398285399fb6f5a5059d1116ea4feff6dd7af970371d6e8")
        'flights-0556f68d786d'
    """
    name = re.sub(r"[^a-z0-9]+", "-", pipeline.lower()).strip("-")
    return "-".join(filter(None, [name, short_digest(digest)]))


def short_digest(digest: str) -> str:
    """The first digits of a digest: enough to tell versions of one pipeline apart."""
    return digest.removeprefix("sha256:")[:_DIGITS]
