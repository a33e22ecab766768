// Imports a function that no host has.
__attribute__((import_module("orchard"), import_name("pick_apple"))) int pick_apple(void);

int main(void) { return pick_apple(); }
