// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Calls that have no event of their own.

FIXED(generic, GENERIC_X)
{
    put_u16(r, sc_of_native[c->nr & 511]);
    put_u16(r, c->nr);
}
