import { defineConfig } from 'vite';

// All files lie side by side under /console/, where src/api/console.c serves them.
export default defineConfig({
  base: '/console/',
  esbuild: { jsx: 'automatic', legalComments: 'none' },
  build: { assetsDir: '', modulePreload: false, target: 'es2022', chunkSizeWarningLimit: 2000 },
  // `npm run dev` against a node on this machine
  server: { proxy: { '/v1': 'http://127.0.0.1:7070' } },
});
