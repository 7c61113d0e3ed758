module sendproof-example

go 1.22
