#include "app/cli.h"

int main(int argc, char** argv) { return sekimori::app::run_cli(argc, argv); }
