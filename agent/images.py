"""Tell whether an image reference names one version."""


def image_problem(image: str) -> str:
    """Return why an image is not pinned, or nothing. A variable in it counts as pinned elsewhere."""
    if not image or "@sha256:" in image or "$" in image or "<" in image:
        return ""
    tag = image.rpartition("/")[2].partition(":")[2]
    if not tag:
        return "has no tag, which means `latest`"
    return "has the tag `latest`" if tag == "latest" else ""
