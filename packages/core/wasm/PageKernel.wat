;; Lines of 64 bytes written at memory speed, for memories with addresses of 32 or 64 bits: scripts/wasm.ts puts i32 or i64
;; for `address`, and what goes with it for `limits`.
;;
;; A block is 16 pieces of 4 KiB, written side by side line by line: one stream of stores to memory leaves most of what a
;; processor can have under way unused.
;;
;; `at`: where; `t`: a template, 64 bytes; `blocks` and `count`: how many, not 0.
(module
  (import "memory" "memory" (memory limits))

  ;; The same line everywhere.
  (func (export "fill") (param $at address) (param $blocks i32) (param $t address)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $p address) (local $last address) (local $end address)
    (local.set $a (v128.load (local.get $t)))
    (local.set $b (v128.load offset=16 (local.get $t)))
    (local.set $c (v128.load offset=32 (local.get $t)))
    (local.set $d (v128.load offset=48 (local.get $t)))
    (loop $block
      (local.set $end (address.add (local.get $at) (address.const 4096)))
      (loop $line
        (local.set $p (local.get $at))
        (local.set $last (address.add (local.get $at) (address.const 65536)))
        (loop $piece
          (v128.store (local.get $p) (local.get $a))
          (v128.store offset=16 (local.get $p) (local.get $b))
          (v128.store offset=32 (local.get $p) (local.get $c))
          (v128.store offset=48 (local.get $p) (local.get $d))
          (local.set $p (address.add (local.get $p) (address.const 4096)))
          (br_if $piece (address.lt_u (local.get $p) (local.get $last))))
        (local.set $at (address.add (local.get $at) (address.const 64)))
        (br_if $line (address.lt_u (local.get $at) (local.get $end))))
      (local.set $at (address.add (local.get $at) (address.const 61440)))
      (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
      (br_if $block (local.get $blocks))))

  ;; The second word of each line is an address, the same for `every` pieces and then `step` more; `left` pieces have that of
  ;; the template. The first 16 bytes of a block's pieces are a table behind the template.
  (func (export "tails") (param $at address) (param $blocks i32) (param $t address)
    (param $every i32) (param $left i32) (param $step i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $head i64)
    (local $p address) (local $last address) (local $end address) (local $entry address) (local $table address)
    (local.set $a (v128.load (local.get $t)))
    (local.set $b (v128.load offset=16 (local.get $t)))
    (local.set $c (v128.load offset=32 (local.get $t)))
    (local.set $d (v128.load offset=48 (local.get $t)))
    (local.set $head (i64.load offset=8 (local.get $t)))
    (local.set $table (address.add (local.get $t) (address.const 64)))
    (loop $block
      (local.set $entry (local.get $table))
      (local.set $last (address.add (local.get $table) (address.const 256)))
      (loop $piece
        (v128.store (local.get $entry) (i64x2.replace_lane 1 (local.get $a) (local.get $head)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (if (i32.eqz (local.get $left)) (then
          (local.set $left (local.get $every))
          (local.set $head (i64.add (local.get $head) (i64.extend_i32_u (local.get $step))))))
        (local.set $entry (address.add (local.get $entry) (address.const 16)))
        (br_if $piece (address.lt_u (local.get $entry) (local.get $last))))
      (local.set $end (address.add (local.get $at) (address.const 4096)))
      (loop $line
        (local.set $p (local.get $at))
        (local.set $entry (local.get $table))
        (local.set $last (address.add (local.get $at) (address.const 65536)))
        (loop $piece
          (v128.store (local.get $p) (v128.load (local.get $entry)))
          (v128.store offset=16 (local.get $p) (local.get $b))
          (v128.store offset=32 (local.get $p) (local.get $c))
          (v128.store offset=48 (local.get $p) (local.get $d))
          (local.set $entry (address.add (local.get $entry) (address.const 16)))
          (local.set $p (address.add (local.get $p) (address.const 4096)))
          (br_if $piece (address.lt_u (local.get $p) (local.get $last))))
        (local.set $at (address.add (local.get $at) (address.const 64)))
        (br_if $line (address.lt_u (local.get $at) (local.get $end))))
      (local.set $at (address.add (local.get $at) (address.const 61440)))
      (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
      (br_if $block (local.get $blocks))))

  ;; `count` lines, `stride` bytes apart, whose second word is `step` more in each that follows.
  (func (export "spread") (param $at address) (param $count i32) (param $stride address) (param $t address) (param $step i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $head i64)
    (local.set $a (v128.load (local.get $t)))
    (local.set $b (v128.load offset=16 (local.get $t)))
    (local.set $c (v128.load offset=32 (local.get $t)))
    (local.set $d (v128.load offset=48 (local.get $t)))
    (local.set $head (i64.load offset=8 (local.get $t)))
    (loop $line
      (v128.store (local.get $at) (i64x2.replace_lane 1 (local.get $a) (local.get $head)))
      (v128.store offset=16 (local.get $at) (local.get $b))
      (v128.store offset=32 (local.get $at) (local.get $c))
      (v128.store offset=48 (local.get $at) (local.get $d))
      (local.set $head (i64.add (local.get $head) (i64.extend_i32_u (local.get $step))))
      (local.set $at (address.add (local.get $at) (local.get $stride)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $line (local.get $count))))

  ;; The second and third word of each line are an address, the template's second word for the first line, that moves with the
  ;; line.
  (func (export "self") (param $at address) (param $blocks i32) (param $t address)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $x i64) (local $y i64)
    (local $p address) (local $last address) (local $end address)
    (local.set $a (v128.load (local.get $t)))
    (local.set $b (v128.load offset=16 (local.get $t)))
    (local.set $c (v128.load offset=32 (local.get $t)))
    (local.set $d (v128.load offset=48 (local.get $t)))
    (local.set $x (i64.load offset=8 (local.get $t)))
    (loop $block
      (local.set $end (address.add (local.get $at) (address.const 4096)))
      (loop $line
        (local.set $p (local.get $at))
        (local.set $y (local.get $x))
        (local.set $last (address.add (local.get $at) (address.const 65536)))
        (loop $piece
          (v128.store (local.get $p) (i64x2.replace_lane 1 (local.get $a) (local.get $y)))
          (v128.store offset=16 (local.get $p) (i64x2.replace_lane 0 (local.get $b) (local.get $y)))
          (v128.store offset=32 (local.get $p) (local.get $c))
          (v128.store offset=48 (local.get $p) (local.get $d))
          (local.set $y (i64.add (local.get $y) (i64.const 4096)))
          (local.set $p (address.add (local.get $p) (address.const 4096)))
          (br_if $piece (address.lt_u (local.get $p) (local.get $last))))
        (local.set $x (i64.add (local.get $x) (i64.const 64)))
        (local.set $at (address.add (local.get $at) (address.const 64)))
        (br_if $line (address.lt_u (local.get $at) (local.get $end))))
      (local.set $x (i64.add (local.get $x) (i64.const 61440)))
      (local.set $at (address.add (local.get $at) (address.const 61440)))
      (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
      (br_if $block (local.get $blocks))))

  (func (export "copy") (param $to address) (param $from address) (param $bytes address)
    (memory.copy (local.get $to) (local.get $from) (local.get $bytes)))

  (func (export "flood") (param $at address) (param $bytes address)
    (memory.fill (local.get $at) (i32.const 0x5a) (local.get $bytes)))

  ;; Adds up all 64-bit words of `bytes`, which are lines, each times its place in its line counted from 1; the sum is left in
  ;; the first word at `t`.
  (func (export "sum") (param $at address) (param $bytes address) (param $t address)
    (local $end address) (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128) (local $all v128)
    (local.set $end (address.add (local.get $at) (local.get $bytes)))
    (loop $line
      (local.set $s0 (i64x2.add (local.get $s0) (v128.load (local.get $at))))
      (local.set $s1 (i64x2.add (local.get $s1) (v128.load offset=16 (local.get $at))))
      (local.set $s2 (i64x2.add (local.get $s2) (v128.load offset=32 (local.get $at))))
      (local.set $s3 (i64x2.add (local.get $s3) (v128.load offset=48 (local.get $at))))
      (local.set $at (address.add (local.get $at) (address.const 64)))
      (br_if $line (address.lt_u (local.get $at) (local.get $end))))
    (local.set $all (i64x2.mul (local.get $s0) (v128.const i64x2 1 2)))
    (local.set $all (i64x2.add (local.get $all) (i64x2.mul (local.get $s1) (v128.const i64x2 3 4))))
    (local.set $all (i64x2.add (local.get $all) (i64x2.mul (local.get $s2) (v128.const i64x2 5 6))))
    (local.set $all (i64x2.add (local.get $all) (i64x2.mul (local.get $s3) (v128.const i64x2 7 8))))
    (i64.store (local.get $t)
      (i64.add (i64x2.extract_lane 0 (local.get $all)) (i64x2.extract_lane 1 (local.get $all))))))
