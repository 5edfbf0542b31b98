"""`python -m gramask` is the same as the command `gramask`."""

from .cli import main

raise SystemExit(main())
