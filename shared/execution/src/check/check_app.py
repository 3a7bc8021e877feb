"""Check one Gradio or Streamlit program and report what is wrong with it on stdout.

    python check_app.py --framework gradio --app app.py

It stands beside the package `conductor_check` and the parts of `conductor_launch.py`. Its last line:

    {"event": "checked", "findings": [{"kind", "message", "line", "column", "name", "replacement",
     "place", "traceback"}], "notices": [text], "complete": whether all of the check was done,
     "output": "the end of what it wrote", "seconds"}

`kind`, `name` and so on: `conductor_check/findings.py`. A program without findings has been
launched as it would be for people, its pages have rendered, its widgets have been used and its
endpoints called.
"""

import sys

from conductor_check.supervisor import main

if __name__ == "__main__":
    # The program finds what stands beside it, not what stands beside us.
    sys.path.pop(0)
    sys.exit(main())
