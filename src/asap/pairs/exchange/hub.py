"""A dataset's folder to a repository on the hub, by `huggingface_hub`; refusals told in one line."""

from __future__ import annotations

from pathlib import Path

from asap.errors import UserError

_LOG_IN = "log in by `hf auth login` or set HF_TOKEN"


def upload(folder: Path, repository: str, *, public: bool) -> None:
    """Make the dataset `repository` (OWNER/NAME) hold the files of `folder`, in one commit.

    Files that are there already are not sent again; older parquet files of other names are removed.

    Raises:
        UserError: no token, no right, no network, or a public repository where `public` was not said.
    """
    from huggingface_hub import HfApi, get_token

    if not get_token():
        raise UserError(f"no token for the hub; {_LOG_IN}")
    api = HfApi()
    try:
        api.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True)
        if not public and not api.repo_info(repository, repo_type="dataset").private:
            raise UserError(
                f"{repository} is public on the hub; give --public to publish there, or another name"
            )
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message="asap publish",
            allow_patterns=["README.md", "*.html", "*.webp", "*.json", "data/*.parquet"],
            delete_patterns=["data/*.parquet"],
        )
    except UserError:
        raise
    except Exception as error:  # no network: by the hub's version an error of requests, httpx or hf_xet
        raise UserError(_told(repository, error)) from None


def _told(repository: str, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    if status == 401:
        return f"the hub refuses your token; {_LOG_IN} anew"
    if status == 403:
        return f"no right to write {repository} on the hub ({reason}); check the name and the token's rights"
    if status is None:
        return f"the hub cannot be reached for {repository} ({reason}); check the network and try again"
    return f"the hub refuses {repository} ({reason})"
