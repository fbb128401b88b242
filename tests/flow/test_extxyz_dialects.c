/* The dialects that the reader accepts, as a table of inputs and of what they mean, to the last
 * bit.
 *
 * Sources: the comment lines of ASE, OVITO, GPUMD, QUIP and CP2K, and the lists of libAtoms. Every
 * row of docs/formats.md has a row here.
 */
#include "flow/extxyz_rig.h"

#include <locale.h>

typedef struct dialect {
    const char *input, *expected;
} dialect;

#define ROW "\nCu 1 2 3\n"
#define ATOM "Z=29 pos=1,2,3"
#define BOX " cell=4,0,0;0,5,0;0,0,6 pbc=TTT"

static const dialect dialects[] = {
    /* plain XYZ */
    {"1\n\nCu 1 2 3\n", ATOM " pbc=FFF"},
    {"1\nhello, world \nCu 1 2 3\n", ATOM " pbc=FFF | comment:S='hello, world'"},
    {"1\nSaid \"hi\nCu 1 2 3\n", ATOM " pbc=FFF | comment:S='Said \"hi'"},
    {"1\nstep 3 E=1\nCu 1 2 3\n", ATOM " pbc=FFF | comment:S='step 3 E=1'"},
    {"1\n\n29 1 2 3 extra words 7\n", ATOM " pbc=FFF"},
    {" 2 \n\n\tcu\t1\t2\t3\t\nCU 4 5 6  \n", "Z=29,29 pos=1,2,3;4,5,6 pbc=FFF"},
    {"1\n i =        1, time =        0.500, E =       -17.25\nCu 1 2 3\n",
     ATOM " pbc=FFF | i:I=1 time:R=0.5 E:R=-17.25"},
    {"1\nenergy=-3.5\nCu 1 2 3\n", ATOM " pbc=FFF energy=-3.5"},
    {"0\n\n", "Z= pos= pbc=FFF"},
    /* lines: no last newline, CRLF, BOM, blank lines, other blanks */
    {"1\n\nCu 1 2 3", ATOM " pbc=FFF"},
    {"\r\n1\r\nLattice=\"4 0 0 0 5 0 0 0 6\" a=b\r\nCu 1 2 3\r\n\r\n", ATOM BOX " | a:S='b'"},
    {"\xef\xbb\xbf"
     "1\n\nCu 1 2 3\n\n  \n",
     ATOM " pbc=FFF"},
    {"1\na=1\fb=2\vc=3\nCu 1 2 3\n", ATOM " pbc=FFF | a:I=1 b:I=2 c:I=3"},
    /* Lattice and pbc */
    {"1\nLattice=\"  4 0   0 0 5 0 0 0 6  \"" ROW, ATOM BOX},
    {"1\nlattice = '4 0 0 0 5 0 0 0 6'" ROW, ATOM BOX},
    {"1\nLATTICE={4,0,0,0,5,0,0,0,6}" ROW, ATOM BOX},
    {"1\nLattice=[[4, 0, 0], [0, 5, 0], [0, 0, 6]]" ROW, ATOM BOX},
    {"1\nLattice=\"[[4, 0, 0], [0, 5, 0], [0, 0, 6]]\"" ROW, ATOM BOX},
    {"1\nLattice=\"4 5 6\"" ROW, ATOM BOX},
    {"1\nLattice=4,5,6" ROW, ATOM BOX},
    {"1\nLattice=\"1 2 3 4 5 6 7 8 10\"" ROW, ATOM " cell=1,2,3;4,5,6;7,8,10 pbc=TTT"},
    {"1\nLattice=\"4 5 6\" pbc=\"T T F\"" ROW, ATOM " cell=4,0,0;0,5,0;0,0,6 pbc=TTF"},
    {"1\npbc=[T, F, T] Lattice=\"4 5 6\"" ROW, ATOM " cell=4,0,0;0,5,0;0,0,6 pbc=TFT"},
    {"1\nPBC=\"1 1 0\" Lattice=\"4 5 6\"" ROW, ATOM " cell=4,0,0;0,5,0;0,0,6 pbc=TTF"},
    {"1\npbc=F Lattice=\"4 5 6\"" ROW, ATOM " cell=4,0,0;0,5,0;0,0,6 pbc=FFF"},
    {"1\npbc=T Lattice=\"4 5 6\"" ROW, ATOM BOX},
    {"1\npbc Lattice=\"4 5 6\"" ROW, ATOM BOX},
    {"1\npbc=\"True False TRUE\" Lattice=\"4 5 6\"" ROW, ATOM " cell=4,0,0;0,5,0;0,0,6 pbc=TFT"},
    {"1\nLattice=\"4 0 0 0 5 0 0 0 0\" pbc=\"T T F\"" ROW, ATOM " cell=4,0,0;0,5,0;0,0,0 pbc=TTF"},
    {"1\nLattice=\"0 0 0 0 0 0 0 0 0\" pbc=\"F F F\"" ROW, ATOM " cell=0,0,0;0,0,0;0,0,0 pbc=FFF"},
    {"1\nLattice=\"-4 0 0 0 5 0 0 0 6\"" ROW, ATOM " cell=-4,0,0;0,5,0;0,0,6 pbc=TTT"},
    {"1\nLattice=\"4.D0 0 0 0 0.5d1 0 0 0 6E+00\"" ROW, ATOM BOX},
    {"1\nLattice=\"4 5 6\" Origin=\"0 0 -1.5\"" ROW, ATOM BOX " | Origin:R=[0,0,-1.5]"},
    /* results */
    {"1\nEnergy=-1.5e2 free_energy=2" ROW, ATOM " pbc=FFF energy=-150 | free_energy:R=2"},
    {"1\nfree_energy=-2" ROW, ATOM " pbc=FFF energy=-2"},
    {"1\nstress=\"1 2 3 4 5 6 7 8 9\"" ROW, ATOM " pbc=FFF stress=1,2,3;4,5,6;7,8,9"},
    {"1\nstress=\"1 2 3 4 5 6\"" ROW, ATOM " pbc=FFF stress=1,6,5;6,2,4;5,4,3"},
    {"1\nstress=[[1,2,3],[4,5,6],[7,8,9]]" ROW, ATOM " pbc=FFF stress=1,2,3;4,5,6;7,8,9"},
    {"1\nLattice=\"2 4 1\" virial=\"8 16 24 32 40 48\"" ROW,
     ATOM " cell=2,0,0;0,4,0;0,0,1 pbc=TTT stress=-1,-6,-5;-6,-2,-4;-5,-4,-3"},
    {"1\nvirial=\"8 16 24 32 40 48\" Lattice=\"2 4 -1\"" ROW,
     ATOM " cell=2,0,0;0,4,0;0,0,-1 pbc=TTT stress=-1,-6,-5;-6,-2,-4;-5,-4,-3"},
    {"1\nvirial=\"1 2 3 4 5 6\"" ROW, ATOM " pbc=FFF | virial:R=[1,6,5,6,2,4,5,4,3]"},
    {"1\nLattice=\"1 1 1\" virial=\"1 2 3 4 5 6 7 8 9\" stress=\"0 0 0 0 0 0\"" ROW,
     ATOM " cell=1,0,0;0,1,0;0,0,1 pbc=TTT stress=0,0,0;0,0,0;0,0,0 | "
          "virial:R=[1,2,3,4,5,6,7,8,9]"},
    /* keys and values */
    {"1\nname=1 Config_Type=T ID=007 label=\"1 2\" uid=1e5" ROW,
     ATOM " pbc=FFF | name:S='1' config_type:S='T' id:S='007' label:S='1 2' uid:S='1e5'"},
    {"1\na=5 b=-7 c=+3 d=0 e=-0" ROW, ATOM " pbc=FFF | a:I=5 b:I=-7 c:I=3 d:I=0 e:I=0"},
    {"1\na=1.5 b=.5 c=2. d=1e3 e=1D3 f=-0.0" ROW,
     ATOM " pbc=FFF | a:R=1.5 b:R=0.5 c:R=2 d:R=1000 e:R=1000 f:R=-0"},
    {"1\na=T b=F c=True d=false e=TRUE f=t Properties=species:S:1:pos:R:3 g" ROW,
     ATOM " pbc=FFF | a:B=T b:B=F c:B=T d:B=F e:B=T f:S='t' g:B=T"},
    {"1\na=007 b=nan c=inf d=0x10 e=1e999 f=99999999999999999999 g=1_0 h=--1" ROW,
     ATOM " pbc=FFF | a:S='007' b:S='nan' c:S='inf' d:S='0x10' e:S='1e999' "
          "f:S='99999999999999999999' g:S='1_0' h:S='--1'"},
    {"1\na=\"1 2 3\" b=\"1 2.5 3\" c=\"T F\" d=\"1\" e=\"1 T\" f=\"a b\" g=\"\"" ROW,
     ATOM " pbc=FFF | a:I=[1,2,3] b:R=[1,2.5,3] c:B=[T,F] d:I=1 e:S='1 T' f:S='a b' g:S=''"},
    {"1\na={1 2 3} b={x y} c='1, 2' d=1,2 e={a={b}}" ROW,
     ATOM " pbc=FFF | a:I=[1,2,3] b:S='x y' c:I=[1,2] d:I=[1,2] e:S='a={b}'"},
    {"1\na=[1, 2] b=[1] c=[1.5, 2] d=[T,F] e=[x, \"y z\", 'w'] f=[\"1\"]" ROW,
     ATOM " pbc=FFF | a:I=[1,2] b:I=[1] c:R=[1.5,2] d:B=[T,F] e:S=['x','y z','w'] f:S=['1']"},
    {"1\na=[[1,2],[3,4]] b=[[1,2.5],[3,4],[5,6]] c=[[a],[b]] d=[[T, F]]" ROW,
     ATOM " pbc=FFF | a:I=[1,2;3,4] b:R=[1,2.5;3,4;5,6] c:S=['a';'b'] d:B=[T,F]"},
    {"1\na=[[1,2],[3]] b=[] c=[[[1]]] d=[1,[2]] e=[[1],2]" ROW,
     ATOM " pbc=FFF | a:S='[[1,2],[3]]' b:S='[]' c:S='[[[1]]]' d:S='[1,[2]]' e:S='[[1],2]'"},
    {"1\na=\"say \\\"hi\\\"\" b='it\\'s' c=\"back\\\\slash\" d=\"two\\nlines\" e=x\\ y" ROW,
     ATOM " pbc=FFF | a:S='say \"hi\"' b:S='it's' c:S='back\\slash' d:S='two\nlines' e:S='x y'"},
    {"1\n\"my key\"=3 'k=v'=\"x\" a\\=b=4 u=http://h/?q=1" ROW,
     ATOM " pbc=FFF | my key:I=3 k=v:S='x' a=b:I=4 u:S='http://h/?q=1'"},
    {"1\nname=\"caf\xc3\xa9\" x=\xce\xb1" ROW,
     ATOM " pbc=FFF | name:S='caf\xc3\xa9' x:S='\xce\xb1'"},
    {"1\na=1 b=" ROW, ATOM " pbc=FFF | a:I=1 b:S=''"},
    /* ASE's JSON */
    {"1\na=\"_JSON [1, 2]\" b=\"_JSON [[1.5, 2], [3, 4]]\" c=\"_JSON [\\\"x\\\", \\\"y "
     "z\\\"]\"" ROW,
     ATOM " pbc=FFF | a:I=[1,2] b:R=[1.5,2;3,4] c:S=['x','y z']"},
    {"1\na=\"_JSON true\" b=\"_JSON \\\"12\\\"\" c=\"_JSON 12\" d=\"_JSON [true, false]\"" ROW,
     ATOM " pbc=FFF | a:B=T b:S='12' c:I=12 d:B=[T,F]"},
    {"1\na=\"_JSON {\\\"k\\\": [1]}\" b=\"_JSON [1, null]\" c=\"_JSON [\\\"x\\\", 1]\"" ROW,
     ATOM " pbc=FFF | a:S='_JSON {\"k\": [1]}' b:S='_JSON [1, null]' c:S='_JSON [\"x\", 1]'"},
    {"1\na=\"_JSON \\\"\\\\u00e9\\\\ud83d\\\\ude00\\\\n\\\"\" b=\"_JSON \\\"\\\\u0000\\\"\"" ROW,
     ATOM " pbc=FFF | a:S='\xc3\xa9\xf0\x9f\x98\x80\n' b:S='_JSON \"\\u0000\"'"},
    {"1\na=\"_JSON \\\"\\\\q\\\"\" b=\"_JSON \\\"\\\\u12\\\"\" c=\"_JSON \\\"\\\\u12x4\\\"\"" ROW,
     ATOM " pbc=FFF | a:S='_JSON \"\\q\"' b:S='_JSON \"\\u12\"' c:S='_JSON \"\\u12x4\"'"},
    {"1\na=\"_JSON \\\"\\\\ud83d\\\"\" b=\"_JSON \\\"\\\\udc00\\\"\" c=\"_JSON [1] \"" ROW,
     ATOM " pbc=FFF | a:S='_JSON \"\\ud83d\"' b:S='_JSON \"\\udc00\"' c:I=[1]"},
    {"1\na=\"_JSON [1] x\" b=\"_JSON x\" c=\"_JSON \" d=\"_JSON [1\" e={x\\}y}" ROW,
     ATOM " pbc=FFF | a:S='_JSON [1] x' b:S='_JSON x' c:S='_JSON ' d:S='_JSON [1' e:S='x}y'"},
    {"1\nname Properties=species:S:1:pos:R:3 Config_type=[x]" ROW,
     ATOM " pbc=FFF | name:S='' config_type:S='x'"},
    /* columns */
    {"1\nProperties=pos:R:3:species:S:1\n1 2 3 Cu\n", ATOM " pbc=FFF"},
    {"1\nproperties=\"Species:S:1:POSITION:R:3\"\nCu 1 2 3\n", ATOM " pbc=FFF"},
    {"1\nProperties=Z:I:1:pos:R:3\n29 1 2 3\n", ATOM " pbc=FFF"},
    {"1\nProperties=element:S:1:positions:R:3:numbers:I:1\nCu 1 2 3 29\n", ATOM " pbc=FFF"},
    {"1\nProperties=species:S:1:pos:R:3:Z:I:1\nCu1 1 2 3 29\n", ATOM " pbc=FFF | species:S='Cu1'"},
    {"2\nProperties=species:S:1:pos:R:3\nD 0 0 0\nh 1 1 1\n",
     "Z=1,1 pos=0,0,0;1,1,1 pbc=FFF masses=2.01410177811;1.008"},
    {"1\n\nt 0 0 0\n", "Z=1 pos=0,0,0 pbc=FFF masses=3.01604928199"},
    {"1\nProperties=species:S:1:pos:R:3:mass:R:1\nT 0 0 0 3\n", "Z=1 pos=0,0,0 pbc=FFF masses=3"},
    {"1\nProperties=species:S:1:pos:R:3:Z:I:1\nD 0 0 0 1\n",
     "Z=1 pos=0,0,0 pbc=FFF masses=2.01410177811 | species:S='D'"},
    {"1\nProperties=species:S:1:pos:R:3:mass:R:1\nCu 1 2 3 63.546\n", ATOM " pbc=FFF"},
    {"1\nProperties=species:S:1:pos:R:3:masses:R:1\nCu 1 2 3 65\n", ATOM " pbc=FFF masses=65"},
    {"1\nProperties=species:S:1:pos:R:3:forces:R:3\nCu 1 2 3 4 5 6\n",
     ATOM " pbc=FFF forces=4,5,6"},
    {"1\nProperties=species:S:1:pos:R:3:Force:R:3\nCu 1 2 3 4 5 6\n", ATOM " pbc=FFF forces=4,5,6"},
    {"1\nProperties=species:S:1:pos:R:3:momenta:R:3:mass:R:1\nCu 1 2 3 4 5 6 2\n",
     ATOM " pbc=FFF masses=2 vel=2,2.5,3"},
    {"1\nProperties=species:S:1:pos:R:3:momentum:R:3\nC 1 2 3 12.011 0 -24.022\n",
     "Z=6 pos=1,2,3 pbc=FFF vel=1,0,-2"},
    {"1\nProperties=species:S:1:pos:R:3:velo:R:3\nCu 1 2 3 4 5 6\n", ATOM " pbc=FFF vel=4,5,6"},
    {"1\nProperties=species:S:1:pos:R:3:velocities:R:3\nCu 1 2 3 4 5 6\n",
     ATOM " pbc=FFF vel=4,5,6"},
    {"1\nProperties=species:S:1:pos:R:3:vel:R:3\nCu 1 2 3 1 0 -2\n",
     ATOM " pbc=FFF vel=10.180505710759414,0,-20.36101142151883"},
    {"2\nProperties=species:S:1:pos:R:3:move_mask:L:1\nCu 1 2 3 T\nCu 1 2 4 F\n",
     "Z=29,29 pos=1,2,3;1,2,4 pbc=FFF fixed=000;111"},
    {"2\nProperties=species:S:1:pos:R:3:move_mask:I:3\nCu 1 2 3 1 1 0\nCu 1 2 4 1 1 1\n",
     "Z=29,29 pos=1,2,3;1,2,4 pbc=FFF fixed=001;000"},
    {"1\nProperties=species:S:1:pos:R:3:move_mask:L:1\nCu 1 2 3 T\n", ATOM " pbc=FFF"},
    {"2\nProperties=species:S:1:pos:R:3:q:R:1:tags:I:2:lab:S:1:on:L:2\n"
     "Cu 1 2 3 -0.5 7 8 aa T F\nO 4 5 6 1d-1 -9 0 b 1 0\n",
     "Z=29,8 pos=1,2,3;4,5,6 pbc=FFF | q:R=-0.5;0.1 tags:I=7,8;-9,0 lab:S='aa';'b' "
     "on:B=T,F;T,F"},
    {"1\nProperties=species:S:1:pos:R:3:z:R:1:energy:R:1\nCu 1 2 3 4 5\n",
     ATOM " pbc=FFF | z:R=4 energy:R=5"},
    {"1\nProperties=\" species:S:1:pos:R:3 \"\nCu 1 2 3\n", ATOM " pbc=FFF"},
    {"0\nProperties=species:S:1:pos:R:3:q:R:1\n", "Z= pos= pbc=FFF | q:R="},
};

static void test_dialects(void **state)
{
    ath_context *ctx = *state;
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        const dialect *d = &dialects[i];
        /* an exact copy, so that reading behind the end is seen */
        const size_t n = strlen(d->input);
        char *input = malloc(n + 1);
        memcpy(input, d->input, n);
        input = realloc(input, n > 0 ? n : 1);
        ath_extxyz_reader *reader = rig_open(ctx, input, n);
        ath_system *system = NULL;
        assert_int_equal(ath_extxyz_frame(reader), -1);
        if (ath_extxyz_next(reader, &system) != ATH_OK) {
            fail_msg("input: %s\n%s", d->input, ath_context_message(ctx));
        }
        rig_check(system, d->expected, d->input);
        int64_t frame = -1;
        assert_string_equal(ath_system_source(system, &frame), "x");
        assert_int_equal(frame, 0);
        ath_system_destroy(&system);
        assert_int_equal(ath_extxyz_next(reader, &system), ATH_END);
        assert_null(system);
        assert_int_equal(ath_extxyz_frame(reader), 0);
        ath_extxyz_close(&reader);
        free(input);
    }
}

/* A locale with a decimal comma: an installed one, else one made for this test. */
static bool set_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "es_ES.UTF-8"};
    for (int made = 0; made < 2; made++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (setlocale(LC_ALL, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0) {
                return true;
            }
        }
        char folder[] = "/tmp/athanor_locale_XXXXXX", command[256];
        if (made || !mkdtemp(folder)) {
            continue;
        }
        snprintf(command, sizeof command,
                 "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
        if (system(command) == -1) {
            continue;
        }
        setenv("LOCPATH", folder, 1);
    }
    return false;
}

static void drop_comma_locale(void)
{
    const char *folder = getenv("LOCPATH");
    char command[256];
    setlocale(LC_ALL, "C");
    if (folder && strncmp(folder, "/tmp/athanor_locale_", 20) == 0) {
        snprintf(command, sizeof command, "rm -r '%s'", folder);
        assert_int_equal(system(command), 0);
        unsetenv("LOCPATH");
    }
}

/* The same inputs with the decimal comma of a German locale in force. */
static void test_locale(void **state)
{
    if (!set_comma_locale()) {
        print_message("no locale with a decimal comma, and none could be made\n");
        drop_comma_locale();
        skip();
    }
    test_dialects(state);
    drop_comma_locale();
}

/* Every 17-digit and shorter spelling means the double that strtod finds. */
static void test_exact_numbers(void **state)
{
    ath_context *ctx = *state;
    static const char *const numbers[] = {"0.1",
                                          "1e-5",
                                          "123456.789",
                                          "-0.30000000000000004",
                                          "2.2250738585072011e-308",
                                          "4.9e-324",
                                          "1e-400",
                                          "999999.99999999999999999999999999",
                                          "00000000000001.5"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[128];
        snprintf(text, sizeof text, "1\n\nCu %s 0 0\n", numbers[i]);
        ath_extxyz_reader *reader = rig_open(ctx, text, strlen(text));
        ath_system *system = NULL;
        assert_int_equal(ath_extxyz_next(reader, &system), ATH_OK);
        const double *x = ath_system_peek(system, ATH_FIELD_POSITIONS);
        const double expected = strtod(numbers[i], NULL);
        assert_memory_equal(x, &expected, sizeof expected);
        ath_system_destroy(&system);
        ath_extxyz_close(&reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_exact_numbers),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
