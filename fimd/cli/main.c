/* fimctl: asks fimd, or reads what it keeps. The program is cli.c; each command has a file of its name. */
#include "fimd/cli/cli.h"

#include <locale.h>

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    return cli_run(argc, argv, stdout, stderr);
}
