"""`python -m proxy`: the same as the command `outrigger`."""

from proxy.cli.entry import main

if __name__ == "__main__":
    main()
