"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """Something the user can mend. Its text is one line: what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with status 2.
    """
